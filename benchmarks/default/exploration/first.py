from common import *
import torch.nn as nn
dr=draws(60)
print('test sizes',np.mean([len(t) for _,t in dr]), 'groups',len(set(G[dev])),'pos',np.mean([(y[t]==0).sum() for _,t in dr]))
for sg in (0.3,0.6,1.0):
    Z=Inp(sg,0.2)(Lcsr,np.arange(len(y))).numpy(); report(Z,f'raw sigma{sg}',dr[:30])
def pre(inp,hid=(512,256),epochs=20,lr=1e-3,wd=0.02,aug=dict(strain=0.03,jit=0.3,drop=0.3),drop=0.3,seed=0,bs=128):
    torch.manual_seed(seed); rng=np.random.default_rng(seed)
    layers=[];n=inp.n
    for h in hid: layers+=[nn.Linear(n,h),nn.BatchNorm1d(h),nn.ReLU(),nn.Dropout(drop)]; n=h
    K=T.shape[1]; body=nn.Sequential(*layers); hd=nn.Linear(n,2*K)
    ps=list(body.parameters())+list(hd.parameters())
    opt=torch.optim.AdamW(ps,lr=lr,weight_decay=wd)
    N=len(UI); val=rng.permutation(N)[:500]; trn=np.setdiff1d(np.arange(N),val)
    steps=epochs*(len(trn)//bs); sch=torch.optim.lr_scheduler.OneCycleLR(opt,lr,steps)
    Tt=torch.from_numpy(T);Pt=torch.from_numpy(P)
    t0=time.time()
    def loss(z,r):
        ce=-(Tt[r]*torch.log_softmax(z[:,:K],1)).sum(1).mean()
        b=nn.functional.binary_cross_entropy_with_logits(z[:,K:],Pt[r],reduction='none').sum(1).mean()
        return ce,b
    for ep in range(epochs):
        body.train(); perm=rng.permutation(trn)
        for i in range(len(trn)//bs):
            r=perm[i*bs:(i+1)*bs]; x=inp(Ucsr,r,rng,**aug)
            ce,b=loss(hd(body(x)),r); l=ce+0.2*b
            opt.zero_grad();l.backward();opt.step();sch.step()
    body.eval()
    with torch.no_grad():
        z=hd(body(inp(Ucsr,val))); ce,b=loss(z,val)
        Z=body(inp(Lcsr,np.arange(len(y)))); O=hd(Z)
    print(f'pretrain {time.time()-t0:.0f}s val ce {ce:.3f} bce {b:.3f}',flush=True)
    lp=torch.log_softmax(O[:,:K],1)
    return Z.numpy(), O.numpy(), torch.cat([lp.exp(), torch.sigmoid(O[:,K:])],1).numpy(),(body,hd)
if __name__=='__main__':
    for sg,ep in ((0.3,20),(0.6,20)):
        inp=Inp(sg,0.2)
        Z,O,Q,_=pre(inp,epochs=ep)
        report(Z,f'mlp s{sg} ep{ep} hidden',dr[:30]); report(Q,f'mlp probs',dr[:30]); report(np.sqrt(Q),f'mlp sqrt probs',dr[:30])
