from common import *
import os, torch.nn as nn, gzip, csv
meta=list(csv.DictReader(gzip.open(os.environ['XRDMATCH_DATA']+'/ulbs_meta.csv.gz','rt')))
assert [m['name'] for m in meta]==unames
sg=np.array([int(m['spacegroup_number']) for m in meta])
cs=np.digitize(sg,[3,16,75,143,168,195])
vol=np.array([float(m['volume_prim']) for m in meta]);ns=np.array([float(m['n_sites_prim']) for m in meta])
R=np.stack([np.log(vol),np.log(ns),np.log(vol/ns)],1).astype(np.float32); R=(R-R.mean(0))/R.std(0)
CSt=torch.from_numpy(cs);Rt=torch.from_numpy(R.astype(np.float32));Tt=torch.from_numpy(T);Pt=torch.from_numpy(P);K=T.shape[1]
def mlp(n,hid,drop):
    layers=[]
    for h in hid: layers+=[nn.Linear(n,h),nn.BatchNorm1d(h),nn.ReLU(),nn.Dropout(drop)]; n=h
    return nn.Sequential(*layers),n
class Un(nn.Module):
    def forward(s,x): return x[:,None]
def conv(n,drop,ch=(16,32,64),ks=(7,5,5),feat=256):
    layers=[Un()];c0=1
    for c,k in zip(ch,ks): layers+=[nn.Conv1d(c0,c,k,padding=k//2),nn.BatchNorm1d(c),nn.ReLU(),nn.MaxPool1d(3)]; c0=c; n=n//3
    layers+=[nn.Flatten(),nn.Dropout(drop),nn.Linear(c0*n,feat),nn.BatchNorm1d(feat),nn.ReLU(),nn.Dropout(drop)]
    return nn.Sequential(*layers),feat
def pre(inp,tag,body=None,hid=(512,256),epochs=20,lr=1e-3,wd=0.02,aug=dict(strain=0.03,jit=0.3,drop=0.3),drop=0.3,seed=0,bs=128,parts='cp'):
    torch.manual_seed(seed); rng=np.random.default_rng(seed)
    body,n=(mlp(inp.n,hid,drop) if body is None else body(inp.n,drop))
    hd=nn.Linear(n,2*K+7+3)
    opt=torch.optim.AdamW(list(body.parameters())+list(hd.parameters()),lr=lr,weight_decay=wd)
    N=len(UI); val=rng.permutation(N)[:500]; trn=np.setdiff1d(np.arange(N),val)
    steps=epochs*(len(trn)//bs); sch=torch.optim.lr_scheduler.OneCycleLR(opt,lr,steps)
    t0=time.time()
    def loss(z,r):
        o={}
        if 'c' in parts: o['c']=-(Tt[r]*torch.log_softmax(z[:,:K],1)).sum(1).mean()
        if 'p' in parts: o['p']=.2*nn.functional.binary_cross_entropy_with_logits(z[:,K:2*K],Pt[r],reduction='none').sum(1).mean()
        if 's' in parts: o['s']=nn.functional.cross_entropy(z[:,2*K:2*K+7],CSt[r])
        if 'v' in parts: o['v']=((z[:,2*K+7:]-Rt[r])**2).mean()
        return o
    for ep in range(epochs):
        body.train(); perm=rng.permutation(trn)
        for i in range(len(trn)//bs):
            r=perm[i*bs:(i+1)*bs]; x=inp(Ucsr,r,rng,**aug)
            l=sum(loss(hd(body(x)),r).values())
            opt.zero_grad();l.backward();opt.step();sch.step()
    body.eval()
    with torch.no_grad():
        o=loss(hd(body(inp(Ucsr,val))),val)
        Z=body(inp(Lcsr,np.arange(len(y)))).numpy(); ZU=np.concatenate([body(inp(Ucsr,np.arange(a,a+1000))).numpy() for a in range(0,9000,1000)])
    print(f'{tag} {time.time()-t0:.0f}s',{k:round(float(v),3) for k,v in o.items()},flush=True)
    np.savez(f'Z_{tag}.npz',Z=Z.astype(np.float32),ZU=ZU.astype(np.float32))
    return Z,ZU
dr=draws(60)
def rep(Z,ZU,tag,Cs=(1,3,10,30,100)):
    m=ZU.mean(0); s=np.sqrt(((ZU-m)**2).sum(1).mean()); X=(Z-m)/s
    print('   ',tag,' '.join('C%g %.3f/%.3f'%(c,*score(X,dr,c)) for c in Cs),flush=True)
if __name__=='__main__':
    for tag,kw in [
      ('base',{}),
      ('all',dict(parts='cpsv')),
      ('c',dict(parts='c')),
      ('sv',dict(parts='sv')),
      ('noaug',dict(aug={})),
      ('strong',dict(aug=dict(strain=0.08,jit=0.5,drop=0.5))),
      ('conv',dict(body=conv,epochs=8)),
      ]:
        Z,ZU=pre(Inp(0.3,0.2),tag,**kw); rep(Z,ZU,tag)
