from lab import *
import sys, csv, gzip, torch.nn as nn, time
meta=list(csv.DictReader(gzip.open(os.environ['XRDMATCH_DATA']+'/ulbs_meta.csv.gz','rt')))
vol=np.array([float(m['volume_prim']) for m in meta]);ns=np.array([float(m['n_sites_prim']) for m in meta])
sgn=np.array([int(m['spacegroup_number']) for m in meta]); csys=np.digitize(sgn,[3,16,75,143,168,195])
EN=dict(H=2.2,Li=.98,Be=1.57,B=2.04,C=2.55,N=3.04,O=3.44,F=3.98,Na=.93,Mg=1.31,Al=1.61,Si=1.9,P=2.19,S=2.58,Cl=3.16,K=.82,Ca=1.0,Sc=1.36,Ti=1.54,V=1.63,Cr=1.66,Mn=1.55,Fe=1.83,Co=1.88,Ni=1.91,Cu=1.9,Zn=1.65,Ga=1.81,Ge=2.01,As=2.18,Se=2.55,Br=2.96,Rb=.82,Sr=.95,Y=1.22,Zr=1.33,Nb=1.6,Mo=2.16,Tc=1.9,Ru=2.2,Rh=2.28,Pd=2.2,Ag=1.93,Cd=1.69,In=1.78,Sn=1.96,Sb=2.05,Te=2.1,I=2.66,Cs=.79,Ba=.89,La=1.1,Hf=1.3,Ta=1.5,W=2.36,Re=1.9,Os=2.2,Ir=2.2,Pt=2.28,Au=2.54,Hg=2.0,Tl=1.62,Pb=2.33,Bi=2.02,U=1.38,Th=1.3)
ORD="H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu".split()
ZN={e:i+1 for i,e in enumerate(ORD)}
AN=['O','S','Se','Te','F','Cl','Br','I','N','P','As','H','C']
def anion(c):
    e=max(c,key=lambda e:EN.get(e,1.2)); return AN.index(e) if e in AN else len(AN)
anT=np.array([anion(c) for c in comps])
def props(c):
    t=sum(c.values()); e=list(c); w=np.array([c[x] for x in e])/t
    en=np.array([EN.get(x,1.2) for x in e]); z=np.array([ZN[x] for x in e]); lz=np.log(z)
    m=lambda v:(w*v).sum(); s=lambda v:np.sqrt(max(m((v-m(v))**2),0))
    return [m(en),s(en),m(lz),s(lz),en.max(),en.min(),z.max()**.5,c.get('Li',0)/t,len(e)]
PR=np.array([props(c) for c in comps]); PR=(PR-PR.mean(0))/PR.std(0)
li=np.array([c.get('Li',0)/sum(c.values()) for c in comps])
VL=np.stack([np.log(vol/ns),np.log(vol),np.log(vol/ns/np.maximum(li,.02))],1); VL=(VL-VL.mean(0))/VL.std(0)
tt=lambda a:torch.from_numpy(np.asarray(a,np.float32))
Tt,Pt,Rt,Vt=tt(T),tt(P),tt(PR),tt(VL); At=torch.from_numpy(anT); Ct=torch.from_numpy(csys); K=T.shape[1]
SIZE=dict(c=K,p=K,a=len(AN)+1,r=PR.shape[1],v=3,s=7,q=K)
Tq=tt(np.sqrt(T)/np.sqrt(T).sum(1,keepdims=True))
def loss_of(part,z,r):
    if part=='c': return -(Tt[r]*torch.log_softmax(z,1)).sum(1).mean()
    if part=='q': return -(Tq[r]*torch.log_softmax(z,1)).sum(1).mean()
    if part=='p': return .2*nn.functional.binary_cross_entropy_with_logits(z,Pt[r],reduction='none').sum(1).mean()
    if part=='a': return nn.functional.cross_entropy(z,At[r])
    if part=='s': return nn.functional.cross_entropy(z,Ct[r])
    if part=='r': return ((z-Rt[r])**2).mean()
    if part=='v': return ((z-Vt[r])**2).mean()
def pretrain(tag,parts,seed=0,inp=None,hid=(512,256),epochs=20,lr=1e-3,wd=.02,aug=dict(strain=.06,jit=.5,drop=.5),drop=.3,bs=128,save=True):
    if os.path.exists(f'Z_{tag}.npz'): d=np.load(f'Z_{tag}.npz'); return d['Z'],d['ZU']
    inp=inp or Inp(.3,.2); torch.manual_seed(seed); rng=np.random.default_rng(seed); t0=time.time()
    layers=[];n=inp.n
    for h in hid: layers+=[nn.Linear(n,h),nn.BatchNorm1d(h),nn.ReLU(),nn.Dropout(drop)]; n=h
    body=nn.Sequential(*layers); hd=nn.Linear(n,sum(SIZE[p] for p in parts))
    opt=torch.optim.AdamW(list(body.parameters())+list(hd.parameters()),lr=lr,weight_decay=wd)
    N=len(UI); per=N//bs; sch=torch.optim.lr_scheduler.OneCycleLR(opt,lr,epochs*per); tot=0
    for ep in range(epochs):
        body.train(); perm=rng.permutation(N); tot=0
        for i in range(per):
            r=perm[i*bs:(i+1)*bs]; x=inp(Ucsr,r,rng,**aug); z=hd(body(x)); l=0;a=0
            for p in parts: l=l+loss_of(p,z[:,a:a+SIZE[p]],r); a+=SIZE[p]
            opt.zero_grad();l.backward();opt.step();sch.step(); tot+=float(l.detach())/per
    body.eval()
    with torch.no_grad():
        Z=body(inp(Lcsr,np.arange(len(y)))).numpy(); ZU=np.concatenate([body(inp(Ucsr,np.arange(a,a+1000))).numpy() for a in range(0,9000,1000)])
    np.savez(f'Z_{tag}.npz',Z=Z.astype(np.float32),ZU=ZU.astype(np.float32))
    print(f'   {tag} {time.time()-t0:.0f}s last loss {tot:.3f}',flush=True)
    return Z,ZU
def rep(tag,X,dr=None,Cs=(.3,3,30)):
    for C in Cs: say(f'{tag} C{C}',evaluate(logit(X,C),dr or DR))
if __name__=='__main__':
    for parts in ('p','a','r','v','car','cv','carv','q'):
        Xs=[]
        for s in (0,1):
            Xs.append(std(*pretrain(f'{parts}_{s}',parts,s))[0])
        rep(parts+' two seeds',np.concatenate(Xs,1)/2**.5)
