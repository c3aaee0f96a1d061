from lab import *
Xs=[];XUs=[]
for s in range(4):
    a,b=std(*[np.load(f'Z_cs{s}.npz')[k] for k in('Z','ZU')]); Xs.append(a);XUs.append(b)
X=np.concatenate(Xs,1)/2;XU=np.concatenate(XUs,1)/2
w,V=np.linalg.eigh(XU.T@XU/len(XU)); w=np.maximum(w,1e-9)
print('eig',np.round(np.sort(w)[::-1][:10],3))
m0=XU.mean(0)
for g in (-.5,-.25,0,.1,.25,.4):
    Y=(X-m0)@V*w**(-g); YU=(XU-m0)@V*w**(-g); s=np.sqrt((YU**2).sum(1).mean()); Y=Y/s
    for C in (.3,3,30): say(f'whitening power {g} C{C}',evaluate(logit(Y,C),DR))
# unit length, rbf
Xn=X/np.linalg.norm(X,axis=1,keepdims=True)
for C in (1,10): say(f'unit C{C}',evaluate(logit(Xn,C),DR))
def kern(K,C):
    K0=K*C+10.
    def fn(tr,i):
        n=len(tr); Kt=K0[np.ix_(tr,tr)]; f=np.zeros(n); 
        for _ in range(50):
            p=1/(1+np.exp(-f)); W=p*(1-p)+1e-9; g=(y[tr]==0)-p; bb=W*f+g; B=np.eye(n)+np.sqrt(W)[:,None]*Kt*np.sqrt(W)[None]
            a=bb-np.sqrt(W)*np.linalg.solve(B,np.sqrt(W)*(Kt@bb)); f=Kt@a
        return K0[:,tr]@a+np.log(.25)
    return fn
D2=((X[:,None]-X[None])**2).sum(2)
for l in (.5,1.,2.):
    K=np.exp(-D2/l/2)
    for C in (1,3,10): say(f'rbf {l} C{C}',evaluate(kern(K,C),DR))
